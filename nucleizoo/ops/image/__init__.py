"""Operations on pictures, and the same on their labels: geometry, resampling, degradation, intensities."""
