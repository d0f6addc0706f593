// Shots takes pictures of pages: on a wide screen, in the dark, on a phone and on
// paper. It takes the files it is given, or the pages that the tests look at.
//
//	go -C e2e run ./shots -out DIR [FILE.html ...]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/commandsec/commandsec-go/e2e/browser"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/internal/specimen"
)

func main() {
	out := flag.String("out", "", "folder for the pictures")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func run(out string, files []string) error {
	if out == "" {
		return errors.New("name the folder for the pictures with -out")
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	if len(files) == 0 {
		for name, r := range map[string]*report.Report{
			"review": specimen.Review(), "comparison": specimen.Comparison(), "hostile": specimen.Hostile(),
		} {
			file := filepath.Join(out, name+".html")
			if err := write(file, r); err != nil {
				return err
			}
			files = append(files, file)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	ctx, stop, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, file := range files {
		if err := shoot(ctx, file, filepath.Join(out, strings.TrimSuffix(filepath.Base(file), ".html"))); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func write(path string, r *report.Report) error {
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// tallest is how many pixels of a page fit on a picture.
const tallest = 12000

// shoot takes the pictures of one page. Their names start with name.
func shoot(ctx context.Context, file, name string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
	for _, look := range []struct {
		name  string
		width int64
		dark  bool
		whole bool // not only what one sees first
	}{{"first-screen", 1280, false, false}, {"desktop", 1280, false, true}, {"dark", 1280, true, true}, {"phone", 360, false, true}} {
		scheme := "light"
		if look.dark {
			scheme = "dark"
		}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}); err != nil {
			return err
		}
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(look.width, 800), chromedp.Navigate(address)); err != nil {
			return err
		}
		if look.whole {
			height, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollHeight"))
			if err != nil {
				return err
			}
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(look.width, min(height, tallest))); err != nil {
				return err
			}
		}
		picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			return err
		}
		if err := os.WriteFile(name+"-"+look.name+".png", picture, 0o600); err != nil {
			return err
		}
	}
	paper, err := chromedp.Run(ctx, chromedp.PrintToPDF(
		chromedp.PDFPaper(chromedp.PaperSize{Width: 8.27, Height: 11.69}), chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
	if err != nil {
		return err
	}
	return os.WriteFile(name+".pdf", paper, 0o600)
}
