"""Endpoint for Unity's ROS-TCP-Connector: the wire protocol over asyncio. Knows no ROS; `ros.endpoint_bridge` does."""
