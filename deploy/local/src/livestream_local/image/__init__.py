"""The services' image: built, looked through and run here, with Debian's tools and no container engine."""
