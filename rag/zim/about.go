package zim

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxMetadata bounds one piece of metadata, in bytes. Pictures among it are no concern here.
const maxMetadata = 64 << 10

// About is what an archive says of itself; all of it may be empty.
type About struct {
	Title       string
	Description string
	Language    string // ISO 639-3, several with commas: "fra", "fra,eng"
	Creator     string
	Publisher   string
	Date        string // of its making, YYYY-MM-DD
	License     string
	Articles    int // pages of html by the archive's own count, redirects left out
}

// About reads the metadata. What is missing stays empty; errors are those of [Archive.Blob].
func (a *Archive) About() (About, error) {
	var m About
	var count string
	for _, f := range []struct {
		name string
		to   *string
	}{
		{"Title", &m.Title}, {"Description", &m.Description}, {"Language", &m.Language}, {"Creator", &m.Creator},
		{"Publisher", &m.Publisher}, {"Date", &m.Date}, {"License", &m.License}, {"Counter", &count},
	} {
		text, err := a.Metadata(f.name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return m, err
		}
		*f.to = text
	}
	m.Articles = min(articlesIn(count), a.Len())
	return m, nil
}

// Metadata returns a text under M, such as "Title" or "Language". Errors: ErrNotFound and those of
// [Archive.Blob].
func (a *Archive) Metadata(name string) (string, error) {
	e, err := a.find('M', name)
	if err != nil {
		return "", err
	}
	if e, err = a.Follow(e); err != nil {
		return "", err
	}
	r, err := a.Blob(e)
	if err != nil {
		return "", err
	}
	if r.Size() > maxMetadata {
		return "", fmt.Errorf("%w: M/%s has %d bytes", ErrDamaged, name, r.Size())
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("read M/%s: %w", name, err)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), nil
}

// articlesIn reads the number of pages of html from M/Counter: "text/html=12;image/png=3". A media type
// may have parameters: "text/html;raw=true=4" counts what is no article.
func articlesIn(counter string) (n int) {
	for _, part := range strings.Split(counter, ";") {
		mime, count, _ := strings.Cut(part, "=")
		if mime != "text/html" && mime != "application/xhtml+xml" {
			continue
		}
		if k, err := strconv.ParseUint(count, 10, 31); err == nil {
			n += int(k)
		}
	}
	return n
}
