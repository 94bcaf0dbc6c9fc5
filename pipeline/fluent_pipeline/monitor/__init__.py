"""What the relay tells about itself over HTTP."""
