"""Files: written whole, stacks of images, sheets, pages, and the errors that name them."""
