package main

// netRows are what `bench net` measures, in the order of the report.
func netRows() []row {
	return []row{addRow(), fetchRow(), smallRow()}
}
