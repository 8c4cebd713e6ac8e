package main

import (
	"fmt"
	"strconv"
	"strings"
)

// bytesFlag is a number of bytes on the command line: 1GiB, 64MiB, 4096.
type bytesFlag int64

func (b *bytesFlag) Set(s string) error {
	digits, shift := s, 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if d, ok := strings.CutSuffix(s, unit); ok {
			digits, shift = d, bits
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > 1<<40>>shift {
		return fmt.Errorf("%q is no size such as 64MiB or 1GiB", s)
	}
	*b = bytesFlag(n << shift)
	return nil
}

func (b *bytesFlag) String() string {
	n := int64(*b)
	for _, u := range []struct {
		name string
		bits int
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if n > 0 && n%(1<<u.bits) == 0 {
			return fmt.Sprint(n>>u.bits, u.name)
		}
	}
	return fmt.Sprint(n)
}
