//go:build !linux

package p2p

import (
	"context"
	"errors"
)

// noticeLinks is left to a clock where the kernel is not asked.
func noticeLinks(context.Context, func()) error { return errors.ErrUnsupported }
