"""What is asked outside of the workflow, a command a module."""
