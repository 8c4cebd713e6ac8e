package node

import (
	"errors"
	"testing"

	"savoirs/store/catalog"
)

func TestANeighbourBringsItsShareOfEntriesAndNoMore(t *testing.T) {
	var in intake
	small := make([]catalog.Sealed, 256)
	for i := range small {
		small[i] = make(catalog.Sealed, 500)
	}
	brought := func(from string, entries []catalog.Sealed) (n int) {
		for range 1000 {
			if err := in.take(from, entries); errors.Is(err, errIntake) {
				return n
			} else if err != nil {
				t.Fatal(err)
			}
			n += len(entries)
		}
		return n
	}
	if n := brought("many", small); n < entriesBurst-256 || n > entriesBurst+5000 {
		t.Errorf("%d entries at once", n)
	}
	large := make([]catalog.Sealed, 64)
	for i := range large {
		large[i] = make(catalog.Sealed, catalog.MaxSealed)
	}
	if n := brought("large", large); n*catalog.MaxSealed > intakeBurst || n*catalog.MaxSealed < intakeBurst/2 {
		t.Errorf("%d large entries", n)
	}
	if n := brought("another", small[:1]); n != 1000 {
		t.Errorf("another neighbour brings %d", n)
	}
	for range 2 * maxIntake {
		in.take(string(testID(t)), nil)
	}
	if len(in.of) > maxIntake {
		t.Errorf("%d neighbours remembered", len(in.of))
	}
}
