//go:build !linux

package linktest

type wire struct{}

func (*wire) close() {}

func openWire(string, string, string, Link) (*wire, error) { return nil, ErrNeedsRoot }

func plainTCP(string) error { return ErrNeedsRoot }

func wholeFrames(string, string) error { return ErrNeedsRoot }
