"""LiteLLM imported and made ready for forks, in a process that runs nothing else."""

import gc
import os
import sys
import threading

from routeiq_gateway.litellm_edge.database.query_engines import end_with_their_worker
from routeiq_gateway.litellm_edge.environment import (
    decrypt_variables,
    drop_empty,
    names_database,
    prepare_environment,
)
from routeiq_gateway.litellm_edge.first_request_modules import MODULES
from routeiq_gateway.litellm_edge.proxy import import_proxy, work_out_routes
from routeiq_gateway.litellm_edge.savings import table as savings
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import Settings


def warm(settings: Settings, log: Log) -> frozenset[str]:
    """Import LiteLLM and the modules that its first requests would import, in a process that stays single-threaded.

    Return the names of the variables that the import has read.
    """
    drop_empty(os.environ)
    prepare_environment(
        os.environ,
        workers=settings.workers,
        json_logs=settings.log_form == "json" or (settings.log_form is None and not sys.stderr.isatty()),
        sample_rate=settings.sample_rate,
    )
    gc.disable()
    at_import = import_proxy(MODULES)
    decrypt_variables(os.environ)
    if names_database(os.environ):
        end_with_their_worker()
    left_out = savings.apply() if settings.savings else {}
    if left_out:
        log.warning("requests cost more than they have to: savings do not fit this LiteLLM", left_out=left_out)
    work_out_routes()
    extra = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if extra:
        log.warning("the parent has threads, which its workers will lack", threads=extra)
    return at_import
