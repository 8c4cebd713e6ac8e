package main

import (
	"context"
	"path/filepath"
	"time"
)

// diskFetch times cp and a flush: what a durable copy costs on this disk when
// nothing is sent or checked. Nobody who is durable can be faster, and who is
// not only puts it off.
func diskFetch(ctx context.Context, _ road, path, dir string) (sample, error) {
	to := filepath.Join(dir, "copy")
	start := time.Now()
	_, used, err := here.run(ctx, "cp", "-r", "--reflink=never", path, to)
	if err != nil {
		return nil, err
	}
	if err := flushDisk(to); err != nil {
		return nil, err
	}
	return timed(start, used), nil
}
