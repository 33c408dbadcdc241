"""From names and files to specs: the models, devices, engines and scenarios that come along."""
