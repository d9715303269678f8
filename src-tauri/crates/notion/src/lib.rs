//! The built-in Notion MCP server
