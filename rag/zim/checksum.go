package zim

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
)

// Verify compares the whole archive with the MD5 sum at its end, reading all of it; progress, which may
// be nil, is called with bytes done and bytes to do. An archive without a sum is taken as it is. The sum
// finds a bad download; against someone who means harm it is worth nothing. Errors: ErrDamaged, that of
// ctx, those of the file.
func (a *Archive) Verify(ctx context.Context, progress func(done, total int64)) error {
	if a.checksum == 0 {
		return nil
	}
	var want [md5.Size]byte
	if err := a.read(want[:], a.checksum); err != nil {
		return fmt.Errorf("read the checksum: %w", err)
	}
	sum := md5.New()
	for at := int64(0); at < a.checksum; at += 1 << 20 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(1<<20, a.checksum-at)
		if _, err := io.Copy(sum, io.NewSectionReader(a.r.r, at, n)); err != nil {
			return fmt.Errorf("verify the checksum: %w", err)
		}
		if progress != nil {
			progress(at+n, a.checksum)
		}
	}
	if got := sum.Sum(nil); !bytes.Equal(got, want[:]) {
		return fmt.Errorf("%w: its MD5 sum is %x, not %x", ErrDamaged, got, want)
	}
	return nil
}
