"""What `projector` is made of: a full log, who folds it, and the databases that it is folded into."""
