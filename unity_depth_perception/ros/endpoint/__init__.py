"""The endpoint's side of ROS: publishers, subscriptions and services on behalf of Unity's clients."""
