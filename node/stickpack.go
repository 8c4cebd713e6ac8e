package node

import (
	"context"
	"errors"
)

// PlanStick tells what PackStick would write to the drive dir, and writes
// nothing there. Errors: ErrWhom for a destination that nobody is, ErrForWhom
// when there is none, those of stick.Open but stick.ErrNoStick.
func (n *Node) PlanStick(ctx context.Context, dir string, o PackOptions) (Plan, error) {
	return Plan{}, errors.ErrUnsupported
}

// PackStick writes to the drive dir what others lack.
func (n *Node) PackStick(ctx context.Context, dir string, o PackOptions, progress func(Progress)) (Packed, error) {
	return Packed{}, errors.ErrUnsupported
}
