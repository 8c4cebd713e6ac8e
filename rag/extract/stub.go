package extract

import "io"
import "context"

func readPDF(ctx context.Context, in *input, d *Document, o Options, out *output) error {
	return ErrNoPDF
}
func PDFChild(in io.Reader, out io.Writer, cacheDir string) error { return ErrUnsupported }

type archive struct{}

func openArchive(in *input, budget int64) (*archive, error)    { return nil, ErrUnsupported }
func readEPUB(z *archive, d *Document, out *output) error      { return ErrUnsupported }
func readDOCX(z *archive, d *Document, out *output) error      { return ErrUnsupported }
func readODT(z *archive, d *Document, out *output) error       { return ErrUnsupported }
func readMarkdown(src *source, d *Document, out *output) error { return readText(src, d, out) }
func readHTML(src *source, d *Document, out *output) error     { return ErrUnsupported }
func readCSV(src *source, d *Document, out *output) error      { return ErrUnsupported }
func readJSONL(src *source, d *Document, out *output) error    { return ErrUnsupported }
