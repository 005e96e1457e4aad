"""yuanlu 原路: scan-to-pay whose heart is putting mistaken scans right. Money goes back the way it came, provably, once."""
