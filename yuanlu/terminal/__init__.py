"""What the terminal's commands do; `yuanlu.cli` says what they are called."""
