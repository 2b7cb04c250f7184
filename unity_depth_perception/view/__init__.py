"""Live views of what the nodes publish: tables, a web page, Foxglove. No ROS here; `ros.view` feeds them."""
