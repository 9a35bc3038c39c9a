"""Where bytes lie: one small protocol, its drivers, and the driver that encrypts."""
