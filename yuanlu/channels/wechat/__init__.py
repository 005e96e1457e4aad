"""WeChat Pay: v3, and v2 for the merchants who charge payment codes by it."""
