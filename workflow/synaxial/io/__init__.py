"""Files: read and written whole, stacks of images, sheets, pages, and the errors that name them."""
