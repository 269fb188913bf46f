from routeiq_migrate.indexes.request_log_list import REQUEST_LOG_INDEXES, RequestLogIndex


def test_the_name_of_a_partitions_index() -> None:
    """As PostgreSQL would name it, and never longer than it allows."""
    index = REQUEST_LOG_INDEXES[1]
    assert index.for_partition("LiteLLM_SpendLogs_p1") == "LiteLLM_SpendLogs_p1_litellm_call_id_idx"
    long = RequestLogIndex("t", "t_c_idx", ("c",)).for_partition("ü" * 40)
    assert len(long.encode()) <= 63
    assert long != RequestLogIndex("t", "t_d_idx", ("d",)).for_partition("ü" * 40)
