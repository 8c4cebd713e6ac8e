//go:build !unix

package catalog

import "os"

// lock does nothing here: the node's own lock on the data directory has to do.
func lock(*os.File) error { return nil }
