"""What happens to rows after they are read: which are evaluated, selected on, left out."""
