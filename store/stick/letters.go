package stick

import (
	"errors"
	"io"
	"iter"
)

// Letter reads a letter that the MANIFEST names, checked against its size and hash. Who uses it verifies what it says,
// and that it is from the node it is filed under. ErrDamaged, ErrHostile.
func (s *Stick) Letter(l Letter) ([]byte, error) { return nil, errors.ErrUnsupported }

// Wants reads and verifies the want lists, each of the node it is filed under. An error is about one of them: the next
// ones follow.
func (s *Stick) Wants() iter.Seq2[Want, error] { return func(func(Want, error) bool) {} }

// Receipts is Wants for receipts.
func (s *Stick) Receipts() iter.Seq2[Receipts, error] { return func(func(Receipts, error) bool) {} }

// OpenSealed opens a file for named people. Its size is checked now, its hash when it has been read to the end: then
// Read returns ErrDamaged in place of io.EOF.
func (s *Stick) OpenSealed(x Sealed) (io.ReadCloser, error) { return nil, errors.ErrUnsupported }
