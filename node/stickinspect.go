package node

import (
	"context"
	"errors"
)

// InspectStick tells what is on the drive dir. It needs no node.
func InspectStick(dir string) (StickInfo, error) { return StickInfo{}, errors.ErrUnsupported }

// VerifyStick reads everything on the drive dir and checks it. It needs no
// node. Progress is in bytes, stage verify. What is wrong is in the report.
func VerifyStick(ctx context.Context, dir string, progress func(Progress)) (StickReport, error) {
	return StickReport{}, errors.ErrUnsupported
}
