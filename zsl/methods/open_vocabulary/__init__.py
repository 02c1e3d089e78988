"""Models of images and texts: an image and the text of a class are vectors of one space before any class is seen."""
