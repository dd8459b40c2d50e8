"""The files through which stages exchange data; one contract in each module."""
