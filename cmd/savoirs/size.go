package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// size is a number of bytes as people write it: 500000000, 500MB, 2GiB, 2,5 Go.
type size int64

var sizePattern = regexp.MustCompile(`^(?i)([0-9]+(?:[.,][0-9]+)?)\s*([kmgt]?)(i?)[bo]?$`)

func (s *size) Type() string { return "size" }

func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *size) Set(text string) error {
	m := sizePattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return fmt.Errorf("%q is not a size", text)
	}
	v, err := strconv.ParseFloat(strings.Replace(m[1], ",", ".", 1), 64)
	if err != nil {
		return err
	}
	step := 1000.0
	if m[3] != "" {
		step = 1024
	}
	if m[2] != "" {
		for range 1 + strings.Index("kmgt", strings.ToLower(m[2])) {
			v *= step
		}
	}
	if v > 1<<60 {
		return fmt.Errorf("%q is too large", text)
	}
	*s = size(v)
	return nil
}
