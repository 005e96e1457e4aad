"""Who bears what when money is lost, and what each channel account will need in the next days."""
