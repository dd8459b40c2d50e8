"""The files by which stages talk to each other, a contract a module."""
