"""An MCP server with one tool, by the protocol's own SDK: https://modelcontextprotocol.io/specification."""

from mcp.server.mcpserver import MCPServer


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def server() -> MCPServer:
    """Return the server; its application speaks streamable HTTP at ``/mcp``."""
    made = MCPServer("tools")
    made.add_tool(add)
    return made
