package extract

import (
	"fmt"
	"os"
	"testing"
)

// TestMain plays the children of this package's tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "extract-pdf" {
		if err := PDFChild(os.Stdin, os.Stdout, os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
