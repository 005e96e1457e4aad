"""What a shop sells: barcodes, names, and prices that count from a moment on."""
