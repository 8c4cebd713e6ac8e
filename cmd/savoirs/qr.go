package main

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the white border that readers of QR codes need, in modules.
const quiet = 4

// qrText draws a code with half blocks, two rows in a line. Light modules are
// drawn, so that it is right on a dark terminal; most readers take the
// negative as well.
func qrText(code *qr.Code) string {
	light := func(x, y int) bool { return !code.Black(x-quiet, y-quiet) }
	side := code.Size + 2*quiet
	var b strings.Builder
	for y := 0; y < side; y += 2 {
		for x := range side {
			upper, lower := light(x, y), y+1 < side && light(x, y+1)
			switch {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteRune(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func qrPNG(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, fmt.Errorf("draw the invite: %w", err)
	}
	return code.PNG(), nil
}
