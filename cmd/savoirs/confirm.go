package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// confirm asks a person for a yes. Where nobody can answer it is a usage error
// that names --yes; a no is an error too, so that scripts stop.
func (s *shell) confirm(ctx context.Context, question string) error {
	if !s.inTTY {
		return usageError("needs_yes", "again", s.resume+" --yes")
	}
	fmt.Fprint(s.err, question+" "+s.say("say.yes_no")+" ")
	answer := make(chan string, 1)
	go func() { // ends with the line or with the process: a terminal read cannot be called off
		line, _ := bufio.NewReader(s.in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.err)
		return ctx.Err()
	case a := <-answer:
		switch a {
		case "o", "oui", "y", "yes":
			return nil
		}
		return newFault("declined", exitFailure)
	}
}
