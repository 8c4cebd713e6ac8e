package extract

import (
	"io"
	"io/fs"
	"sync"
)

// input is the file being read. It remembers the first error of the file
// system, so that a failing disk is not taken for a damaged document, and
// stops reading when the time is over.
type input struct {
	f     fs.File
	size  int64
	alive func() error

	mu  sync.Mutex // a PDF is fed to its child by another goroutine
	err error      // guarded by mu
}

func (in *input) Read(p []byte) (int, error) {
	if err := in.alive(); err != nil {
		return 0, in.note(err)
	}
	n, err := in.f.Read(p)
	return n, in.note(err)
}

// note remembers the first error and returns err.
func (in *input) note(err error) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil && err != io.EOF && in.err == nil {
		in.err = err
	}
	return err
}

func (in *input) failure() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.err
}
