// Command savoirs is a node of a peer-to-peer library, and the way to speak to
// one: `savoirs serve` is the node, every other command asks it by HTTP. There
// is one file per command; what a person reads comes from package node/words.
//
// Read root.go for how a command line becomes a gesture, and fault.go for how an
// error becomes a sentence and an exit code.
package main

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"savoirs/rag/engine"
	"savoirs/rag/extract"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version = "dev"

// pdfChild is the hidden command that reads one PDF: this binary starts itself
// with it, so that a hostile file can only end a child.
const pdfChild = "extract-pdf"

func main() {
	args := os.Args[1:]
	if ran, err := engine.Main(args); ran {
		os.Exit(childExit(err))
	}
	if len(args) > 0 && args[0] == pdfChild {
		cache := ""
		if len(args) > 1 {
			cache = args[1]
		}
		os.Exit(childExit(extract.PDFChild(os.Stdin, os.Stdout, cache)))
	}
	home, _ := os.UserHomeDir() // without one, the places are relative to here
	s := &shell{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		inTTY: isTerminal(os.Stdin), outTTY: isTerminal(os.Stdout), errTTY: isTerminal(os.Stderr),
		width:  func() int { return terminalWidth(os.Stderr) },
		places: places{env: os.Getenv, home: home},
	}
	os.Exit(s.run(args))
}

// childExit is for the children of this binary: their parent turns what they
// write into words.
func childExit(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func terminalWidth(f *os.File) int {
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil || w <= 0 {
		return 80
	}
	return w
}
