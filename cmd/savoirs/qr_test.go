package main

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"rsc.io/qr"
)

func TestACodeOnATerminalHasTheModulesOfTheCode(t *testing.T) {
	const text = "SAVOIRS:080HQ2FCQFZZ2FN07XF96CQ3VDXFN6SAS3295QPMC6VVHPMW4BP1XCYV4BYHCTBTAWBTCD7ZQC7QSPF705ZG"
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(qrText(code), "\n"), "\n")
	for y := range code.Size + 2*quiet {
		row := []rune(lines[y/2])
		for x := range code.Size + 2*quiet {
			light := row[x] == '█' || row[x] == map[int]rune{0: '▀', 1: '▄'}[y%2]
			if light == code.Black(x-quiet, y-quiet) {
				t.Fatalf("module %d,%d is wrong", x, y)
			}
		}
	}
	if code.Size > 45 {
		t.Errorf("%d modules: the letters are not coded as capitals and digits", code.Size)
	}
	b, err := qrPNG(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(b)); err != nil {
		t.Error(err)
	}
}
