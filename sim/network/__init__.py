"""The cluster's links: routes, what collectives put on links, and how transfers share them."""
