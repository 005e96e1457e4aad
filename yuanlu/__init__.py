"""yuanlu 原路: scan-to-pay that puts mistaken scans right. Money goes back the way it came, provably, once."""
