package main

// netRows are what `bench net` measures, in the order of the report.
func netRows() []row {
	return []row{
		addRow(), fetchRow(), smallRow(), resumeRow(),
		linkRow("lossy", lossyWiFi, 88), linkRow("far", farWiFi, 82), cutRow(), holdersRow(),
		idleRow(), quietRow(), reconnectRow(),
	}
}
