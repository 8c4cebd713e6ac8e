package stick

import (
	"context"
	"errors"
)

// Commit makes everything durable, then writes the MANIFEST, and returns it when it is durable too. Files that it names
// no more are removed then. The Writer may put more and commit again.
func (w *Writer) Commit(ctx context.Context) (Manifest, error) {
	return Manifest{}, errors.ErrUnsupported
}
