"""What every service imports: the event contract, the fold, the frames, and the clients around them."""
