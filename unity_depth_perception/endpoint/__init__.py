"""Endpoint for Unity's ROS-TCP-Connector: wire protocol over asyncio, without ROS, which `ros.endpoint.bridge` adds."""
